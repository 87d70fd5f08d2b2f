using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>The placement plan that a server of several devices follows.</summary>
public sealed class ServedPlacement
{
    private readonly CutGraph _graph;
    private readonly Func<PlacementPlan> _read;
    private int _replacements;

    internal ServedPlacement(CutGraph graph, Func<PlacementPlan> read) => (_graph, _read) = (graph, read);

    /// <summary>The plan as it is now: without the devices that have failed.</summary>
    public PlacementPlan Plan => _graph.Plan;

    /// <summary>The devices in its order.</summary>
    public IReadOnlyList<ServedDevice> Devices => _graph.Group.Devices;

    /// <summary>Why nothing can be computed; null when it can.</summary>
    public string? Problem => _graph.Group.HasHomes ? null : "All devices of the server have failed; POST /admin/devices/0/restart starts one again.";

    /// <summary>Faults for tests and drills.</summary>
    public DeviceFaults Faults => _graph.Group.Faults;

    /// <summary>Tells of a device that has just failed or was restarted.</summary>
    public event Action<ServedDevice> DeviceChanged
    {
        add => _graph.Group.Changed += value;
        remove => _graph.Group.Changed -= value;
    }

    /// <summary>Tokens that devices have sent each other.</summary>
    public TrafficCounter Traffic => _graph.Traffic;

    /// <summary>How often the plan was replaced.</summary>
    public int Replacements => _replacements;

    /// <summary>Reads the plan again and moves the experts, while requests go on.</summary>
    /// <exception cref="UserError">The plan cannot be read or does not fit; everything stays as it was.</exception>
    public void Reload()
    {
        _graph.Replace(_read());
        Interlocked.Increment(ref _replacements);
    }

    /// <summary>Uses a device again that has failed, with new sessions.</summary>
    /// <exception cref="UserError">There is no such device, it has not failed, or it still fails.</exception>
    public void Restart(int device) => _graph.Restart(device);

    /// <summary>Reads the plan of a model folder; where there is none, consecutive experts go together.</summary>
    /// <param name="path">The plan's file.</param>
    /// <param name="model">The model's name.</param>
    /// <param name="weights">SHA-256 of its weights; empty when not known.</param>
    /// <param name="layers">Its routed layers.</param>
    /// <param name="devices">How many devices there are.</param>
    /// <exception cref="UserError">The plan is damaged, of other weights, or there are more devices than experts.</exception>
    internal static PlacementPlan Read(string path, string model, string weights, IReadOnlyList<(int Layer, int Experts)> layers, int devices)
    {
        if (File.Exists(path))
        {
            var plan = PlacementPlan.Load(path);
            return weights.Length == 0 || plan.Source.ModelHash.Length == 0 || plan.Source.ModelHash == weights ? plan
                : throw new UserError($"{path} was made for other weights (of the model '{plan.Source.Model}'); plan again with 'onnxmoe place {model}'.");
        }
        if (Path.GetFileName(path) != PlacementPlan.FileName)
            throw new UserError($"There is no plan {path}; 'onnxmoe place {model}' makes one.");
        if (layers.FirstOrDefault(layer => layer.Experts < devices) is { Experts: > 0 } small)
            throw new UserError($"Serve:Devices is {devices}, but layer {small.Layer} of {model} has {small.Experts} experts, so a device would have none; use at most {layers.Min(layer => layer.Experts)} devices.");
        return new PlacementPlan(PlacementPlan.CurrentFormat, Contiguous, new PlacementSource(model, weights, "", "", 0, ""),
            [.. Enumerable.Repeat(new PlacedDevice("", 0, 0), devices)], [.. layers.Select(layer => PlacedLayer.Contiguous(layer.Layer, layer.Experts, devices))]);
    }

    /// <summary>The method of a plan that nobody made.</summary>
    internal const string Contiguous = "contiguous";
}
