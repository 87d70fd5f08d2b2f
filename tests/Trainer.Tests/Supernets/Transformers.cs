using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Supernets;

/// <summary>Small transformers that are supernets.</summary>
internal static class Transformers
{
    public const int Vocabulary = 11;

    /// <summary>Sizes of each block.</summary>
    public static SearchSpace Fine { get; } = new("fine",
        [new("width", 1, ["6", "10"]), new("depth", 1, ["1", "2", "3"]), new("heads", 3, ["1", "2"], "depth"), new("hidden", 3, ["5", "9"], "depth")]);

    /// <summary>Sizes of all blocks, of a half that reads and one that writes.</summary>
    public static SearchSpace TwoHalves { get; } = new("halves",
    [
        new("width", 1, ["6", "10"]), new("heads", 1, ["1", "2"]), new("hidden", 1, ["5", "9"]), new("target-width", 1, ["8", "12"]),
        new("target-depth", 1, ["1", "2"]), new("target-heads", 2, ["1", "2"], "target-depth"), new("target-cross", 1, ["1", "2"]), new("target-hidden", 2, ["4", "8"], "target-depth"),
    ]);

    /// <summary>Two sub-spaces.</summary>
    public static SearchSpace Parts { get; } = new("parts",
    [
        new("part", 1, ["tiny", "base"]),
        new("width@tiny", 1, ["4", "6"], null, new("part", ["tiny"])), new("depth@tiny", 1, ["1", "2"], null, new("part", ["tiny"])),
        new("width@base", 1, ["8", "10"], null, new("part", ["base"])), new("depth@base", 1, ["2", "3"], null, new("part", ["base"])), new("ratio", 1, ["1", "1.5"]),
    ]);

    public static ModelOptions Options(string backbone, bool gated = true) => new()
    {
        Backbone = backbone,
        Layers = backbone == ModelOptions.EncoderDecoder ? 2 : 3,
        FirstDenseLayers = backbone == ModelOptions.EncoderDecoder ? 2 : 3,
        HiddenSize = 10,
        Heads = 2,
        HeadSize = 4,
        DenseHidden = 9,
        ContextLength = 12,
        Gated = gated,
        FfnBias = true,
        InitialDeviation = 0.4,
    };

    public static SearchSpace SpaceOf(string backbone) => backbone == ModelOptions.EncoderDecoder ? TwoHalves : Fine;

    public static TransformerSupernet Supernet(string backbone, SupernetOptions? supernet = null, SearchSpace? space = null, long seed = 1) =>
        new(Options(backbone), supernet ?? new(), space ?? SpaceOf(backbone), Vocabulary, seed);

    /// <summary>Logits of three sequences of seven tokens.</summary>
    public static Value Forward(Model model, TorchOps? ops = null, ForwardContext? context = null)
    {
        ops ??= new TorchOps();
        context ??= new ForwardContext(ops);
        Value Ids(int length, int step) => ops.Constant(HostTensor.From(Enumerable.Range(0, 3 * length).Select(i => (long)(i * step % Vocabulary)).ToArray(), 3, length));
        var positions = ops.Constant(HostTensor.From(Enumerable.Range(0, 21).Select(i => (long)(i % 7)).ToArray(), 3, 7));
        switch (model)
        {
            case DecoderLm decoder:
                return decoder.Forward(Ids(7, 5), positions, context);
            case MaskedLm masked:
                return masked.Forward(Ids(7, 5), null, context);
            default:
                var translator = (EncoderDecoder)model;
                translator.Read(Ids(5, 3), null, context);
                return translator.Write(Ids(7, 5), context);
        }
    }

    public static float[] Logits(Model model)
    {
        using var noGrad = torch.no_grad();
        return Some.Floats(Forward(model));
    }

    /// <summary>A few architectures, the ends among them.</summary>
    public static IEnumerable<Architecture> Draw(SearchSpace space, int count)
    {
        var random = new Random(1);
        return Enumerable.Range(0, count).Select(_ => space.Random(random)).Prepend(space.Smallest).Append(space.Largest).Distinct();
    }

    public static double Difference(float[] a, float[] b)
    {
        Assert.Equal(a.Length, b.Length);
        return a.Zip(b, (x, y) => Math.Abs((double)x - y)).Max();
    }
}
