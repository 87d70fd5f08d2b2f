using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Predictors;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets.Tests;

/// <summary>Subnetworks of a space with genes of precision: what is searched, written and served.</summary>
public sealed class QuantizedSubnetTests : IDisposable
{
    private static readonly ClassifierSizes Sizes = new(16, 2, 10);
    private static readonly SearchSpace Space = SearchSpaceFile.Parse(Json(2));
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly LabeledDataset _data = Data();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string Json(int places, string bits = "4, 8, 32") => $$"""
        {"name": "toy", "genes": [{"name": "width", "choices": [32, 64]}, {"name": "depth", "choices": [1, 2]}, {"name": "hidden", "count": 2, "choices": [32, 64], "depth": "depth"},
          {"name": "embedding_bits", "choices": [{{bits}}]}, {"name": "up_bits", "count": {{places}}, "choices": [{{bits}}], "depth": "depth"},
          {"name": "down_bits", "count": 2, "choices": [{{bits}}], "depth": "depth"}, {"name": "head_bits", "choices": [{{bits}}]},
          {"name": "up_scheme", "count": {{places}}, "choices": ["symmetric", "asymmetric"], "when": {"gene": "up_bits", "is": [{{bits.Replace(", 32", "")}}]} }]}
        """;

    private static LabeledDataset Data()
    {
        var random = new Random(1);
        LabeledSequences Some(int count) => new([.. Enumerable.Range(0, count * 32).Select(_ => random.NextSingle())], [.. Enumerable.Range(0, count).Select(i => (long)(i % 10))], 2, 16, 10);
        return new(Some(80), Some(64), Some(64));
    }

    private static MlpClassifier Supernet() => new(new ModelOptions { Backbone = ModelOptions.Perceptron, Activation = "relu", InitialDeviation = 0.3 }, Space, Sizes, 1);

    private Classifier Quantized(MlpClassifier supernet, Architecture architecture)
    {
        var model = ClassifierRun.Build(supernet.OptionsOf(architecture), new SupernetOptions(), null, Sizes, 0, null);
        new StaticQuantizer(_data, new()).Quantize((Classifier)supernet.Extract(architecture), model);
        return model;
    }

    private static Architecture AllOf(int choice, int size = 1) => Space.Of([size, size, size, size, choice, choice, choice, choice, choice, choice, 1, 1]);

    private IReadOnlyDictionary<string, Artifacts.Tensors.HostTensor> Inputs(Classifier model) => model.InputsOf(_data.Validation);

    private static ExportedModelOf Export(Model model) => new(ModelExporter.Export(model, ExportTarget.Onnx, WeightPrecision.Fp32, "m"));

    private sealed record ExportedModelOf(Exporter.Graph.ExportedModel Model)
    {
        public int Count(string op) => Model.Proto.Graph.Node.Count(node => node.OpType == op);
    }

    [Fact]
    public void WithoutQuantizedLayersTheModelIsTheSubnetworkAndHasNoSuchNodes()
    {
        var supernet = Supernet();
        var plain = AllOf(2);
        Assert.Empty(supernet.OptionsOf(plain).Quantization.Bits);
        var exported = Export(supernet.Extract(plain));
        Assert.Equal((0, 0), (exported.Count("QuantizeLinear"), exported.Count("DequantizeLinear")));
    }

    [Fact]
    public void EachQuantizedLayerHasItsNodesAndTheFileAnswersAsTheModel()
    {
        var supernet = Supernet();
        var random = new Random(3);
        for (var i = 0; i < 6; i++)
        {
            var architecture = i switch { 0 => AllOf(1), 1 => AllOf(0), _ => Space.Random(random) };
            var bits = supernet.OptionsOf(architecture).Quantization.Bits;
            if (bits.Length == 0)
                continue;
            var model = Quantized(supernet, architecture);
            var exported = Export(model);
            Assert.Equal(ModelCost.Parameters(supernet.Extract(architecture)), ModelCost.Parameters(model));
            var layers = bits.Count(b => b < 32);
            // For each such layer its inputs, its matrix and its bias.
            Assert.Equal((layers, 3 * layers), (exported.Count("QuantizeLinear"), exported.Count("DequantizeLinear")));

            var path = Path.Combine(_folder, $"{i}", "model.onnx");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            OnnxWriter.Save(exported.Model, path);
            using var session = new OnnxSession(path);
            var (expected, actual) = (TorchRunner.Run(model, Inputs(model))["logits"].AsSpan<float>().ToArray(), session.Run(Inputs(model))["logits"].AsSpan<float>().ToArray());
            // Roundings of equal halves may differ by one step where the sums before them differ in the last place.
            var step = bits[^1] < 32 ? model.Weights.Single(weight => weight.Name == "head.input_scale").Parameter.data<float>()[0] : 0.02;
            Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 2 * step));
            Assert.True(expected.Chunk(10).Zip(actual.Chunk(10)).Count(pair => Array.IndexOf(pair.First, pair.First.Max()) == Array.IndexOf(pair.Second, pair.Second.Max())) >= 63);
        }
    }

    /// <summary>No matrix is made of its codes again before its product: that would be slower than floating-point numbers.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void TheRuntimeMultipliesIntegers(int choice)
    {
        var path = Path.Combine(_folder, "model.onnx");
        OnnxWriter.Save(Export(Quantized(Supernet(), AllOf(choice))).Model, path);
        using (new OnnxSession(path, null, session => session.OptimizedModelFilePath = path + ".optimized"))
        {
        }
        var operators = Onnx.ModelProto.Parser.ParseFrom(File.ReadAllBytes(path + ".optimized")).Graph.Node.Select(node => node.OpType).ToArray();
        Assert.Equal(6, operators.Count(op => op == "QGemm"));
        Assert.DoesNotContain("DequantizeLinear", operators);
        Assert.DoesNotContain("Gemm", operators);
    }

    [Fact]
    public void AQuantizedModelIsNearItsOriginalTheNearerTheMoreBits()
    {
        var supernet = Supernet();
        var original = (Classifier)supernet.Extract(AllOf(2));
        var expected = TorchRunner.Run(original, Inputs(original))["logits"].AsSpan<float>().ToArray();
        var scale = Math.Sqrt(expected.Average(x => x * x));
        double Error(int choice)
        {
            var model = Quantized(supernet, AllOf(choice));
            return Math.Sqrt(TorchRunner.Run(model, Inputs(model))["logits"].AsSpan<float>().ToArray().Zip(expected).Average(pair => Math.Pow(pair.First - pair.Second, 2))) / scale;
        }
        var (eight, four) = (Error(1), Error(0));
        Assert.InRange(eight, 1e-5, 0.03);
        Assert.InRange(four, 2 * eight, 0.5);
    }

    [Fact]
    public void GenesThatDoNotMatterChangeNothing()
    {
        var supernet = Supernet();
        var shallow = Space.Of(1, 0, 1, 0, 1, 1, 0, 2, 1, 1, 0, 0);
        foreach (var same in new[] { Space.Of(1, 0, 1, 1, 1, 1, 2, 2, 0, 1, 0, 1), Space.Of(1, 0, 1, 0, 1, 1, 1, 2, 2, 1, 0, 1) })
        {
            Assert.Equal(shallow, same);
            Assert.Equal(OneHotFeatures.Of(shallow), OneHotFeatures.Of(same));
        }
        // The scheme of a layer that is not quantized, and the last layer that is there.
        Assert.Equal(Space.Of(1, 0, 1, 0, 1, 2, 0, 2, 1, 1, 0, 0), Space.Of(1, 0, 1, 0, 1, 2, 0, 2, 1, 1, 1, 0));
        Assert.NotEqual(OneHotFeatures.Of(shallow), OneHotFeatures.Of(Space.Of(1, 0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0)));
        Assert.Equal([8, 8, 32, 8], supernet.OptionsOf(shallow).Quantization.Bits);
        Assert.Equal("symmetric", supernet.OptionsOf(shallow).Quantization.Schemes[1]);
        Assert.Equal("asymmetric", supernet.OptionsOf(Space.Of(1, 0, 1, 0, 1, 1, 0, 2, 1, 1, 1, 0)).Quantization.Schemes[1]);
        float[] Logits(Architecture architecture) => TorchRunner.Run(Quantized(supernet, architecture), Inputs(supernet))["logits"].AsSpan<float>().ToArray();
        Assert.Equal(Logits(shallow), Logits(Space.Of(1, 0, 1, 1, 1, 1, 2, 2, 0, 1, 0, 1)));
    }

    [Fact]
    public void FewerBitsAreNeverALargerFileAndTheSizeIsWhatTheNumbersTake()
    {
        var supernet = Supernet();
        var random = new Random(5);
        long Size(Architecture architecture) => ModelExporter.Export(Quantized(supernet, architecture), ExportTarget.Onnx, WeightPrecision.Fp32, "m").FileSize;
        for (var i = 0; i < 5; i++)
        {
            var genes = Space.Random(random).Genes.ToArray();
            for (var gene = 4; gene < 10; gene++)
            {
                var sizes = Enumerable.Range(0, 3).Select(choice =>
                {
                    genes[gene] = choice;
                    return Size(Space.Of(genes));
                }).ToArray();
                // Unpacking takes nodes, too: 4 bits of a head of 10 outputs save less than those take.
                Assert.True((gene == 9 || sizes[0] <= sizes[1]) && sizes[1] <= sizes[2], $"{Space.Of(genes)}: gene {gene}: {string.Join(' ', sizes)}");
            }
        }

        // With matrices that are large beside names and nodes: what is counted is within 2 % of the file.
        foreach (var precision in new[] { LinearPrecision.Full, new(8, true), new(8, false), new(4, true) })
        {
            var options = new ModelOptions { Backbone = ModelOptions.Perceptron, Mlp = new() { Width = 1024, Hidden = [512] } };
            options.Quantization = new QuantPolicy([.. Enumerable.Repeat(precision, 4)]).ToOptions();
            var model = new MlpClassifier(options, Sizes, 1);
            var counted = new (int In, int Out)[] { (32, 1024), (1024, 512), (512, 1024), (1024, 10) }.Sum(size => QuantizedLinear.Bytes(size.In, size.Out, precision)) + (2 * 1024 * sizeof(float));
            var path = Path.Combine(_folder, $"{precision.Bits}{precision.Scheme}", "model.onnx");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var exported = ModelExporter.Export(model, ExportTarget.Onnx, WeightPrecision.Fp32, "m");
            var stored = OnnxWriter.Save(exported, path).Sum(file => new FileInfo(Path.Combine(Path.GetDirectoryName(path)!, file)).Length);
            Assert.InRange(exported.FileSize / (double)counted, 1, 1.02);
            // The files on disk have gaps of less than a page before each large tensor besides.
            Assert.InRange(stored - exported.FileSize, -5000, exported.Initializers.Count * OnnxWriter.Alignment);
        }
    }

    [Fact]
    public void ASearchFindsWritesAndExportsAQuantizedModel()
    {
        var random = new Random(1);
        Directory.CreateDirectory(Path.Combine(_folder, "data", "raw", "digits"));
        File.WriteAllLines(Path.Combine(_folder, "data", "raw", "digits", "digits.csv"), Enumerable.Range(0, DigitDataset.Images).Select(i =>
            string.Join(',', Enumerable.Range(0, 64).Select(p => random.Next(9) + (p / 6 == i % 10 ? 7 : 0)).Append(i % 10).Select(number => number.ToString(CultureInfo.InvariantCulture)))));
        File.WriteAllText(Path.Combine(_folder, "space.json"), Json(2));
        var super = Path.Combine(_folder, "super");
        TrainRun.Execute(super, new TrainSettings("super", 3, new DataOptions { Source = "digits", Folder = Path.Combine(_folder, "data"), PatchSide = 8 },
            new ModelOptions { Backbone = ModelOptions.Perceptron, Activation = "relu", InitialDeviation = 0.1 }, new TrainerOptions { Steps = 60, BatchSize = 30, WarmupSteps = 2, Threads = 1, LearningRate = 0.01 })
        {
            Supernet = new() { Space = Path.Combine(_folder, "space.json") },
        }, TextWriter.Null, terminal: false, default);
        var log = new StringWriter();
        SearchRun.Execute(super, new() { Budget = 30, Objectives = "loss,bytes", Evolution = { Population = 15 }, Predictions = 100, Choose = "0,0,0,0,1,0,0,1,0,2,1,0", Repetitions = 2, WarmUp = 0 },
            new ExportOptions { Target = "onnx", Tolerance = 0.02 }, 1, log, terminal: false, default);
        Assert.Contains("before it is quantized", log.ToString(), StringComparison.Ordinal);

        var chosen = TrainedModel.Load(super + "-subnet");
        Assert.Equal([8, 4, 8, 32], chosen.Manifest.Recipe!["Model"]!["Quantization"]!["Bits"].Deserialize<int[]>()!);
        Assert.Equal((100, 64), ((int)chosen.Manifest.Training!["calibration"]!["samples"]!, ((string)chosen.Manifest.Training!["calibration"]!["sha256"]!).Length));
        using var session = new OnnxSession(Path.Combine(super + "-subnet", "model.onnx"));
        var data = LabeledDataset.Open(chosen.Manifest.Recipe["Data"].Deserialize<DataOptions>()!).Validation;
        var logits = session.Run(((Classifier)chosen.Any).InputsOf(data))["logits"].AsSpan<float>().ToArray().Chunk(10).ToArray();
        var right = logits.Zip(data.Labels).Count(pair => Array.IndexOf(pair.First, pair.First.Max()) == pair.Second) / (double)data.Count;
        Assert.Equal((double)chosen.Manifest.Training!["validationAccuracy"]!, right, 0.01);
        Assert.Single(Directory.GetFiles(Path.Combine(super, "search"), "loss-bytes-*-entropy100.jsonl"));
        Assert.True(JsonNode.Parse(File.ReadAllText(Path.Combine(super, "search", "front.json")))!["front"]!.AsArray().Count > 1);
    }

    [Theory]
    [InlineData(1, "4, 8, 32", "has 1 genes 'up_bits', but its largest network has 2 such layers: layers.0.up, layers.1.up")]
    [InlineData(2, "1, 32", "lets 'embedding_bits' be 1; a layer may have 2 to 8 bits, or 32")]
    public void SpacesThatDoNotFitAreNamed(int places, string bits, string says) => Assert.Contains(says, Assert.Throws<UserError>(() =>
        new MlpClassifier(new ModelOptions { Backbone = ModelOptions.Perceptron }, SearchSpaceFile.Parse(Json(places, bits).Replace("\"count\": 1, \"choices\": [" + bits + "], \"depth\": \"depth\"", "\"choices\": [" + bits + "]")), Sizes, 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void SettingsThatDoNotFitAreNamed()
    {
        string Message(int[] bits, string[] schemes) => Assert.Throws<UserError>(() =>
            new MlpClassifier(new ModelOptions { Mlp = new() { Hidden = [4] }, Quantization = new() { Bits = bits, Schemes = schemes } }, Sizes, 1)).Message;
        Assert.Contains("has 1 Bits and 1 Schemes, but the model has 4 linear layers", Message([8], ["symmetric"]), StringComparison.Ordinal);
        Assert.Contains("Bits has 9", Message([9, 8, 8, 8], ["symmetric", "symmetric", "symmetric", "symmetric"]), StringComparison.Ordinal);
        Assert.Contains("no training examples", Assert.Throws<UserError>(() => new StaticQuantizer(_data with { Train = _data.Train.Take([]) }, new())).Message, StringComparison.Ordinal);
    }
}
