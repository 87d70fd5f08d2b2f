using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>A transformer over tokens. One whose blocks are dense can run smaller versions of itself, which are parts of its weights.</summary>
/// <param name="scope">Of the weights.</param>
/// <param name="options">What it is made from.</param>
/// <param name="vocabulary">Number of token ids.</param>
public abstract class TransformerModel(LayerScope scope, ModelOptions options, int vocabulary) : Model(scope)
{
    /// <summary>What the model was made from.</summary>
    public ModelOptions Options { get; } = options;

    public int Vocabulary { get; } = vocabulary;

    /// <summary>Its blocks: one stack, or those of the two halves.</summary>
    public abstract IReadOnlyList<BlockStack> Stacks { get; }

    /// <summary>Builds the model of a recipe.</summary>
    /// <param name="options">Already checked by <see cref="ModelOptionsCheck.Check"/>.</param>
    /// <param name="vocabulary">Number of token ids.</param>
    /// <param name="scope">Of the weights.</param>
    public static TransformerModel Build(ModelOptions options, int vocabulary, LayerScope scope) => options.Backbone switch
    {
        ModelOptions.MaskedLm => new MaskedLm(options, vocabulary, scope),
        ModelOptions.EncoderDecoder => new EncoderDecoder(options, vocabulary, scope),
        _ => new DecoderLm(options, vocabulary, scope),
    };

    /// <summary>Makes passes run a smaller model: the first elements of the stream and of hidden layers, the first heads, some of the blocks.</summary>
    /// <param name="sizes">Of the smaller model.</param>
    /// <param name="spread">Whether the blocks are evenly spread over all; else they are the first.</param>
    public abstract void Use(ModelOptions sizes, bool spread);

    /// <summary>An ordinary model of those sizes with a copy of what passes use now.</summary>
    /// <param name="sizes">Those that <see cref="Use"/> was called with.</param>
    public TransformerModel Extract(ModelOptions sizes)
    {
        var extracted = Build(sizes, Vocabulary, new LayerScope(0));
        using var noGrad = no_grad();
        using var disposed = NewDisposeScope();
        var ops = new TorchOps();
        var sources = Weights.ToDictionary(weight => weight.Name);
        var inBlocks = Stacks.Zip(extracted.Stacks).SelectMany(pair => pair.First.Kept.Zip(pair.Second.Blocks)).SelectMany(pair => pair.Second.Weights.Zip(pair.First.Weights))
            .ToDictionary(pair => pair.First, pair => pair.Second);
        foreach (var weight in extracted.Weights)
            weight.Parameter.copy_(TorchOps.TensorOf(ops.Weight(inBlocks.GetValueOrDefault(weight) ?? sources[weight.Name])));
        return extracted;
    }
}
