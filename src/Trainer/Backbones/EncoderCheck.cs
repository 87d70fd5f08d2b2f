using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>What bidirectional models (Model:Backbone encoder, masked-lm, encoder-decoder) do not go with.</summary>
internal static class EncoderCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first setting that belongs to a decoder.</summary>
    public static void CheckEncoder(this ModelOptions options)
    {
        if (options.Backbone == ModelOptions.Decoder)
            return;
        Require(options.KvHeads == 0 || options.KvHeads == options.Heads, $"Model:KvHeads is {options.KvHeads}");
        Require(options.AttentionBank.Experts == 0, "Model:AttentionBank:Experts asks for causal attention experts");
        Require(options.PreGate.Layers == 0, "Model:PreGate:Layers asks for a causal router before the model");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError($"{otherwise}, which only language models have; leave it out, or set Model:Backbone=decoder.");
    }
}
