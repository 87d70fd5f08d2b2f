using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Rules between the settings of <see cref="ModelOptions"/>.</summary>
public static class ModelOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first pair of settings that do not go together.</summary>
    public static void Check(this ModelOptions options)
    {
        Require(options.HiddenSize % options.Heads == 0,
            $"Model:Heads is {options.Heads}, which does not divide Model:HiddenSize {options.HiddenSize}");
        Require(options.HiddenSize / options.Heads % 2 == 0,
            $"Model:HiddenSize / Model:Heads is {options.HiddenSize / options.Heads}; rotary embeddings need an even head size");
        Require(options.KvHeads == 0 || options.Heads % options.KvHeads == 0,
            $"Model:KvHeads is {options.KvHeads}, which does not divide Model:Heads {options.Heads}");
        Require(options.FirstDenseLayers <= options.Layers,
            $"Model:FirstDenseLayers is {options.FirstDenseLayers}; the model has only {options.Layers} layers");
        options.AttentionBank.Check();
        if (options.FirstDenseLayers == options.Layers)
            return;
        Require(options.Experts >= 1, "Model:Experts is 0 in a model with routed layers; set it to 1 or more, or Model:FirstDenseLayers to Model:Layers for a dense model");
        Require(options.ExpertsPerToken <= options.Experts,
            $"Model:ExpertsPerToken is {options.ExpertsPerToken}; there are only {options.Experts} routed experts");
        options.CheckRouter();
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
