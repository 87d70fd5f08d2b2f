using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Comparisons;

/// <summary>One trained and exported model of a comparison, with what its folder tells.</summary>
public sealed class ComparedModel
{
    /// <param name="folder">A model folder with weights, metrics, trace and model.onnx.</param>
    public ComparedModel(string name, string folder, TrainSettings settings)
    {
        (Name, Folder, Settings) = (name, folder, settings);
        var trained = TrainedModel.Load(folder);
        (Model, Manifest) = (trained.Model, trained.Manifest);
        Entries = [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line => (JsonObject)JsonNode.Parse(line)!)];
        if (Manifest.MoeLayers.Count > 0)
            ReadLoad(RoutingTrace.Load(Path.Combine(folder, "trace.bin")));
        ExportBytes = Manifest.Files.Keys.Where(file => file.StartsWith("model.onnx", StringComparison.Ordinal)).Sum(file => new FileInfo(Path.Combine(folder, file)).Length);
    }

    public string Name { get; }

    public string Folder { get; }

    public TrainSettings Settings { get; }

    public DecoderLm Model { get; }

    public ModelManifest Manifest { get; }

    /// <summary>The lines of metrics.jsonl.</summary>
    public IReadOnlyList<JsonObject> Entries { get; }

    /// <summary>Validation picks of each expert, by the number of the block: the sum over the iterations of a chain.</summary>
    public SortedDictionary<int, long[]> Load { get; } = [];

    /// <summary>Mean experts that a validation token activated, by layer and iteration.</summary>
    public SortedDictionary<RoutingSite, double> ActiveExperts { get; } = [];

    /// <summary>Size of model.onnx with its external data.</summary>
    public long ExportBytes { get; }

    /// <summary>Tokens learnt from.</summary>
    public long TrainingTokens => Settings.Trainer.Steps * Budget.TokensPerStep(Settings);

    /// <summary>Operations of the whole training, with the experts that were active on validation text.</summary>
    public double TrainingFlops => TrainingTokens * Budget.TrainingFlopsPerToken(Settings, Model, ActiveExperts);

    /// <summary>Bits a byte of the text for a nat a token: makes losses of different tokenizers comparable.</summary>
    public double BitsPerNat => Result("validationBitsPerByte") / Result("validationLoss");

    /// <summary>Operations of one token that attends to <paramref name="attended"/> tokens, by part.</summary>
    public IReadOnlyList<TokenCost> Flops(double attended) => ModelCost.Flops(Model, new CostContext(attended) { ActiveExperts = ActiveExperts });

    /// <summary>A number that training left in the manifest.</summary>
    public double Result(string key) => Manifest.Training![key]!.GetValue<double>();

    private void ReadLoad(RoutingTrace trace)
    {
        for (var i = 0; i < trace.Layers.Count; i++)
        {
            var (site, picks) = (trace.Layers[i].Site, 0L);
            if (!Load.TryGetValue(site.Layer, out var load))
                Load[site.Layer] = load = new long[trace.Layers[i].Experts];
            foreach (var expert in trace.Ids(i))
            {
                if (expert < 0)
                    continue;
                load[expert]++;
                picks++;
            }
            ActiveExperts[site] = picks / (double)trace.Tokens;
        }
    }
}
