using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>Rules between <see cref="QuantizationOptions"/> and the other settings of a transformer.</summary>
internal static class QuantizationCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckQuantization(this ModelOptions options)
    {
        var bits = options.Quantization.Bits;
        if (bits.Length == 0)
            return;
        Require(bits.Length == options.Layers, $"Model:Quantization:Bits has {bits.Length} numbers, but the model has {options.Layers} blocks");
        Require(bits.All(b => b <= 8), $"Model:Quantization:Bits is {string.Join(',', bits)}; a block may have 2 to 8 bits");
        options.CheckGroups();
    }

    /// <summary>Requires a form whose matrices can be quantized, and groups that divide their inputs.</summary>
    public static void CheckGroups(this ModelOptions options)
    {
        var group = options.Quantization.Group;
        Require(options.Backbone == ModelOptions.Decoder && options.FirstDenseLayers == options.Layers && options.AttentionBank.Experts == 0 && options.HeadRouting.HeadsPerToken == 0,
            "Model:Quantization quantizes the matrices of dense language models (Model:Backbone=decoder, Model:FirstDenseLayers as many as Model:Layers, ordinary attention), which this is not");
        Require(options.HiddenSize % group == 0, $"Model:Quantization:Group is {group}, which does not divide Model:HiddenSize {options.HiddenSize}");
        Require(BlockBuilder.DenseHidden(options) % group == 0, $"Model:Quantization:Group is {group}, which does not divide the hidden size {BlockBuilder.DenseHidden(options)} of the feed-forward layers");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
