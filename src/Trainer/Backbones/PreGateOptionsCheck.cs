using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Rules between the settings of <see cref="PreGateOptions"/> and the model's.</summary>
internal static class PreGateOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckPreGate(this ModelOptions options)
    {
        var (gate, routed) = (options.PreGate, options.Layers - options.FirstDenseLayers);
        Require(gate.Layers > 0 || gate.PermanentHidden.Length == 0, "Model:PreGate:PermanentHidden is set, but Model:PreGate:Layers is 0; only experts that a router before the model chooses share a part");
        if (gate.Layers == 0)
            return;
        Require(routed > 0, "Model:PreGate:Layers asks for a router, but Model:FirstDenseLayers leaves no layer to route");
        Require(options.Experts >= 2, $"Model:Experts is {options.Experts}; a router before the model (Model:PreGate:Layers) needs 2 or more to choose from");
        Require(options.ExpertsPerToken == 1, $"Model:ExpertsPerToken is {options.ExpertsPerToken}; a router before the model (Model:PreGate:Layers) gives each token 1");
        Require(options.SharedExperts == 0, $"Model:SharedExperts is {options.SharedExperts}; with Model:PreGate the shared part is Model:PreGate:PermanentHidden, so set it to 0");
        Require(options.ZeroComputation.Kinds(options.Experts).AllStored, "Model:ZeroComputation adds experts without weights, but a router before the model (Model:PreGate:Layers) chooses among Model:Experts alone");
        Require(gate.HiddenSize % gate.Heads == 0 && gate.HiddenSize / gate.Heads % 2 == 0,
            $"Model:PreGate:Heads is {gate.Heads}, which must cut Model:PreGate:HiddenSize {gate.HiddenSize} into heads of an even size");
        Require(gate.PermanentHidden.Length == 0 || gate.PermanentHidden.Length == routed,
            $"Model:PreGate:PermanentHidden has {gate.PermanentHidden.Length} sizes; the model has {routed} routed layers");
        Require(gate.PermanentHidden.All(size => size < options.ExpertHidden),
            $"Model:PreGate:PermanentHidden leaves experts nothing of their own; it must be below Model:ExpertHidden {options.ExpertHidden}");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
