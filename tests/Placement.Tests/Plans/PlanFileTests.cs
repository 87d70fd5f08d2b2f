using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Plans;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Plans;

public sealed class PlanFileTests : IDisposable
{
    const string Weights = "weights.safetensors";

    readonly Planned _planned = new(Some.Trace(2, 6, 2, 60, 3), nodes: 1, gpusPerNode: 2, "contiguous", o => o.ExpertBytes = 100);

    public void Dispose() => _planned.Dispose();

    [Fact]
    public void CorruptedAndEditedPlansGetOneSentence()
    {
        PlacementLayerIs([[0, 1, 2], [3, 4]], "layer 0 places expert 5 nowhere");
        PlacementLayerIs([[0, 1, 2, 6], [3, 4, 5]], "layer 0 places expert 6; its experts are 0 to 5");
        PlacementLayerIs([[0, 1, 2, 1], [3, 4, 5]], "layer 0 places expert 1 2 times on device 0 and nowhere else; once is right");
        PlacementLayerIs([[0, 1, 2, 3, 4, 5]], "layer 0 lists 1 devices, but the plan has 2");
        PlacementLayerIs([[0, 1, 2, 3, 4, 5], []], "'layers[0].devices[1]' leaves a device without an expert of the layer");
        Broken(plan => plan with { Layers = [plan.Layers[1], plan.Layers[0]] }, "layer 0 comes after layer 1");
        Broken(plan => plan with { Devices = [plan.Devices[0], plan.Devices[1] with { MemoryBytes = 599, UsedBytes = 600 }] }, "device 1 would hold 600 bytes of weights, but has 599");
        // An expert on two devices is a copy, and no mistake.
        _planned.Edit(plan => plan with { Layers = [new(0, 6, [[0, 1, 2, 3], [3, 4, 5]]), plan.Layers[1]] });
        Assert.Equal(2, _planned.Loaded.Layers[0].Copies()[3]);
        // Two of three shares on one device: EPLB does that.
        _planned.Edit(plan => plan with { Layers = [new(0, 6, [[0, 1, 2, 3, 3], [3, 4, 5]]), plan.Layers[1]] });
        Assert.Equal(3, _planned.Loaded.Layers[0].Copies()[3]);
    }

    [Fact]
    public void AFileThatIsCutOffGetsOneSentence()
    {
        var whole = File.ReadAllText(_planned.PlanPath);
        for (var length = 0; length < whole.Length - 2; length += 97)
        {
            File.WriteAllText(_planned.PlanPath, whole[..length]);
            Assert.Contains("is not valid JSON", Assert.Throws<UserError>(() => _planned.Loaded).Message);
        }
    }

    [Fact]
    public void APlanBelongsToWeightsByTheirHash()
    {
        var folder = Model([6, 6], "a");
        PlacementTies.ToModel(_planned.Loaded, "plan", folder); // made without knowing the weights: by its layers
        _planned.Edit(plan => plan with { Source = plan.Source with { ModelHash = Hash("a") } });
        PlacementTies.ToModel(_planned.Loaded, "plan", folder);
        var other = Model([6, 6], "b");
        Assert.Contains($"plan was made for other weights of 'random' (SHA-256 {Hash("a")}) than those in {other} ({Hash("b")})", Assert.Throws<UserError>(() => PlacementTies.ToModel(_planned.Loaded, "plan", other)).Message);
        var larger = Model([6, 6, 6], "a");
        Assert.Contains("but the model has 3 routed layers", Assert.Throws<UserError>(() => PlacementTies.ToModel(_planned.Loaded, "plan", larger)).Message);
    }

    [Fact]
    public void APlanBelongsToATraceByItsHash()
    {
        PlacementTies.ToTrace(_planned.Loaded, "plan", _planned["trace.bin"]);
        using (var trace = File.OpenWrite(_planned["trace.bin"]))
        {
            trace.Position = trace.Length - 1;
            trace.WriteByte(77);
        }
        Assert.Contains("plan was made from another trace", Assert.Throws<UserError>(() => PlacementTies.ToTrace(_planned.Loaded, "plan", _planned["trace.bin"])).Message);
        Assert.Contains("There is no trace nowhere.bin; plan was made from trace.bin", Assert.Throws<UserError>(() => PlacementTies.ToTrace(_planned.Loaded, "plan", "nowhere.bin")).Message);
    }

    [Fact]
    public void CheckingSaysWhatWasCompared()
    {
        _planned.Options.Plan = _planned.PlanPath;
        Assert.Contains("2 routed layers of 6 experts of random on 2 GPUs of 'test', planned by contiguous.", Check(""));
        Assert.Contains($"belongs to the trace {_planned["trace.bin"]}.", Check(""));
        Assert.Contains($"belongs to the model in {_planned["a"]} and to the trace", Check(Model([6, 6], "a")));
        _planned.Options.Trace = "";
        Assert.Contains("neither its model nor its trace was given", Check(""));
    }

    string Check(string folder)
    {
        var log = new StringWriter();
        PlanFile.Check(folder, _planned.Options, log);
        return log.ToString();
    }

    void PlacementLayerIs(IReadOnlyList<IReadOnlyList<int>> devices, string expected) =>
        Broken(plan => plan with { Layers = [plan.Layers[0] with { Devices = devices }, plan.Layers[1]] }, expected);

    void Broken(Func<PlacementPlan, PlacementPlan> change, string expected)
    {
        var whole = File.ReadAllText(_planned.PlanPath);
        _planned.Edit(change);
        var message = Assert.Throws<UserError>(() => _planned.Loaded).Message;
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
        File.WriteAllText(_planned.PlanPath, whole);
    }

    /// <summary>A model folder with only a manifest, whose weights have the hash of a word.</summary>
    string Model(int[] experts, string weights)
    {
        var folder = Directory.CreateDirectory(_planned[weights]).FullName;
        new ModelManifest(ModelManifest.CurrentFormat, weights, ModelManifest.SequenceClassifier, DateTimeOffset.UnixEpoch, new ParameterCount(10, 10))
        {
            Classifier = new ClassifierSizes(1, 1, 2),
            MoeLayers = [.. experts.Select((count, l) => new MoeLayerSizes(l, count, 2, 4, false, 0, 100, 10))],
            Files = new SortedDictionary<string, string> { [Weights] = Hash(weights) },
        }.Save(folder);
        return folder;
    }

    static string Hash(string word) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(word)));
}
