using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Quantizes the matrices of a trained model at every number of bits that the search space has; GPTQ sees the inputs that the model as it was trained gives them
/// on training text.
/// </summary>
public sealed class QuantizeWeights : Conversion
{
    /// <summary>The word of this conversion.</summary>
    public const string Word = "quantize";

    private const int Batch = 16;

    private ConversionInput? _input;

    public override string Name => Word;

    public override void Prepare(ConversionInput input) => _input = input;

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options)
    {
        if (target.Products.Count == 0 || target.Products[0].Product is not BitBank)
            throw new UserError($"Start:Convert '{Name}' makes a supernet of numbers of bits; set Supernet:Space to one with genes '{BitSupernet.Gene}'.");
        var (source, quantization) = (Single(sources).Model, options.Quantization);
        if (source.Products.Count > 0)
            throw new UserError($"Start:From names '{sources[0].Manifest.Name}', which is quantized already.");
        var products = quantization.Method == "rtn" ? null
            : InputProducts.Of(source, [.. target.Products.Select(place => place.Name)],
                [.. Enumerable.Range(0, Math.Max(1, quantization.Samples / Batch)).Select(part => _input!.Data.Training.Batch(_input.Seed, 0, part, Batch, _input.Length))]);
        BitSupernet.Start(target, quantization.Group, source, products);
    }
}
