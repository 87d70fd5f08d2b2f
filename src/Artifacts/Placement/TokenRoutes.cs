namespace OnnxMoe.Artifacts.Placement;

/// <summary>
/// The rule by which a token finds the device of an expert. Serving dispatches by it and planning predicts by it, so both count the same.
/// Requests have their home devices in turn. Of several copies of an expert a token takes the one on its home device; where there is none,
/// the requests of a home take the copies in turn, so that all copies get equally much.
/// </summary>
public sealed class TokenRoutes
{
    private readonly IReadOnlyList<int>[] _homes;
    private readonly bool[][] _holds; // [E][device]

    /// <param name="layer">Where the layer's experts are.</param>
    public TokenRoutes(PlacedLayer layer)
    {
        _homes = layer.Homes();
        _holds = Array.ConvertAll(_homes, devices =>
        {
            var holds = new bool[layer.Devices.Count];
            foreach (var device in devices)
                holds[device] = true;
            return holds;
        });
    }

    /// <summary>The device that computes everything but the routed experts for the tokens of a request.</summary>
    public static int HomeOf(long request, int devices) => (int)((ulong)request % (uint)devices);

    /// <summary>Which of its home's requests it is.</summary>
    public static long TurnOf(long request, int devices) => (long)((ulong)request / (uint)devices);

    /// <summary>Whether an expert has copies among which something must choose.</summary>
    public bool HasCopies => _homes.Any(devices => devices.Count > 1);

    /// <summary>Where a token of the given home and turn meets an expert.</summary>
    public int DeviceOf(int expert, int home, long turn)
    {
        var devices = _homes[expert];
        return devices.Count == 1 ? devices[0] : _holds[expert][home] ? home : devices[(int)(turn % devices.Count)];
    }
}
