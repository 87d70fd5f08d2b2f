using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Rules between the settings of <see cref="ChainOptions"/> and the model's.</summary>
internal static class ChainOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckChain(this ModelOptions options)
    {
        var chain = options.Chain;
        Require(options.ExpertsPerToken % chain.Iterations == 0,
            $"Model:ExpertsPerToken is {options.ExpertsPerToken}, the sum over all iterations, which Model:Chain:Iterations {chain.Iterations} does not divide");
        Require(options.PreGate.Layers == 0 || chain is { Iterations: 1, Base: "raw" },
            $"Model:Chain:Iterations is {chain.Iterations}, but with Model:PreGate:Layers {options.PreGate.Layers} one choice before the model stands for all layers; use one of the two");
        Require(chain.Inner || chain.Outer || chain.Unsafe,
            "Model:Chain:Inner and Model:Chain:Outer are both off, so nothing carries the residual stream past a layer; switch one on, or set Model:Chain:Unsafe for an ablation");
        Require(chain is not { Base: "raw", Inner: true, Outer: true },
            "Model:Chain:Base is raw, with which the residual stream is already in the result; Model:Chain:Outer beside Model:Chain:Inner needs Model:Chain:Base=normed");
        var replaces = !options.ChainAdds();
        Require(!replaces || options.Residual.Kind == "plain",
            $"Model:Residual:Kind is {options.Residual.Kind}, but a chain of Model:Chain:Base={chain.Base} replaces the residual stream, so nothing is left to add a momentum to; use Model:Residual:Kind=plain");
        Require(!replaces || options.Block != "parallel",
            "Model:Block is parallel, which adds to the residual stream, but the chain replaces it; switch Model:Chain:Inner or Model:Chain:Outer on");
        Require(chain.Base == "raw" || options.Block == "pre-norm",
            $"Model:Chain:Base is normed, but blocks of Model:Block={options.Block} have no norm before the chain; use Model:Block=pre-norm");
    }

    /// <summary>Whether the result of a chain is added to the residual stream; else it takes its place.</summary>
    public static bool ChainAdds(this ModelOptions options) => options.Chain.Outer || options.Chain is { Base: "raw", Inner: true };

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
