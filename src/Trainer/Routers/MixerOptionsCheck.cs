using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Rules between the settings of <see cref="MixerOptions"/> and the model's.</summary>
internal static class MixerOptionsCheck
{
    private const string Section = "Model:Router:Mixer";

    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckMixer(this ModelOptions options)
    {
        var mixer = options.Router.Mixer;
        if (mixer.Kind == "none")
            return;
        Require(mixer.Temperature > 0, FormattableString.Invariant($"{Section}:Temperature is {mixer.Temperature}, but similarities are divided by it; it must be above 0"));
        Require(mixer.Width > 0, FormattableString.Invariant($"{Section}:Width is {mixer.Width}, but distances are divided by it; it must be above 0"));
        Require(options.Backbone != ModelOptions.Encoder,
            $"{Section}:Kind is {mixer.Kind}, which looks at a token and the ones before it, but Model:Backbone is {options.Backbone}, which looks at all; use a decoder, or none");
        Require(options.PreGate.Layers == 0, $"{Section}:Kind is {mixer.Kind}, but a router before the model (Model:PreGate:Layers) decides for all layers; use one of the two");
        Require(options.Chain.Iterations == 1,
            $"{Section}:Kind is {mixer.Kind}, which keeps the probabilities of one decision a layer, but Model:Chain:Iterations is {options.Chain.Iterations}; use one of the two");
        if (mixer.Kind != "attention")
            return;
        Require(options.Block != "parallel", $"{Section}:Kind is attention, but Model:Block is parallel, where no attention runs before the experts; use pre-norm or post-norm, or similarity");
        Require(options.AttentionBank.Experts == 0 && options.HeadRouting.HeadsPerToken == 0,
            $"{Section}:Kind is attention, which needs the weights of plain attention heads, but {(options.AttentionBank.Experts > 0 ? "Model:AttentionBank:Experts" : "Model:HeadRouting:HeadsPerToken")} replaces them; use one of the two, or similarity");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
