using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Convolutions;

/// <summary>A classifier that sees its sequence as a square image, a position for each pixel, row by row, and its features as channels.</summary>
public abstract class ImageClassifier(LayerScope scope, ClassifierSizes sizes) : Classifier(scope, sizes)
{
    /// <summary>Pixels of a side.</summary>
    protected int Side { get; } = (int)Math.Sqrt(sizes.Length);

    public override IReadOnlyList<TensorSpec> Inputs => [new("image", ElementType.Float, "batch", $"{Sizes.Features}", $"{Side}", $"{Side}")];

    public override IReadOnlyDictionary<string, HostTensor> InputsOf(LabeledSequences sequences)
    {
        var (pixels, channels) = (sequences.Length, sequences.Width);
        var image = new float[sequences.Features.Length];
        for (var i = 0; i < image.Length; i++)
        {
            var (row, pixel, channel) = (i / (pixels * channels), i / channels % pixels, i % channels);
            image[(row * channels + channel) * pixels + pixel] = sequences.Features[i];
        }
        return new Dictionary<string, HostTensor> { ["image"] = HostTensor.From(image, sequences.Count, channels, Side, Side) };
    }

    /// <param name="image">[B, C, side, side]</param>
    /// <param name="context">Says which statistics normalizations use.</param>
    /// <returns>Logits [B, classes].</returns>
    public abstract Value ForwardImage(Value image, ForwardContext context);

    public override Value Forward(Value features, Value? mask, ForwardContext context) => mask is null
        // Flat in between, so that the image is laid out channel by channel: convolutions of libtorch 1.13 corrupt memory in the backward pass of other layouts.
        ? ForwardImage(features.Transpose(0, 2, 1).Reshape(-1, Sizes.Features * Side * Side).Reshape(-1, Sizes.Features, Side, Side), context)
        : throw new InvalidOperationException("Images have no padding.");

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs) =>
        new Dictionary<string, Value> { ["logits"] = ForwardImage(inputs["image"], new ForwardContext(ops)) };

    /// <exception cref="UserError">The positions of the data are patches.</exception>
    public static void CheckImage(DataOptions data)
    {
        if (data.PatchSide != 1)
            throw new UserError($"Data:PatchSide is {data.PatchSide}, but a model that convolves (Model:Backbone) reads pixels; set Data:PatchSide to 1.");
    }
}
