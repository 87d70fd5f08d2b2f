using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Objectives;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Rules between the settings of <see cref="RouterOptions"/> and the model's.</summary>
internal static class RouterOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckRouter(this ModelOptions options)
    {
        var router = options.Router;
        var kinds = options.ZeroComputation.Kinds(options.Experts);
        Require(options.ExpertsPerToken <= kinds.Count, $"Model:ExpertsPerToken is {options.ExpertsPerToken}; there are only {options.Experts} routed experts"
            + (kinds.AllStored ? "" : $" and {kinds.Count - kinds.Stored} of Model:ZeroComputation"));
        Require(options.Experts % router.DeviceGroups == 0,
            $"Model:Router:DeviceGroups is {router.DeviceGroups}, which does not divide Model:Experts {options.Experts}");
        Require(router.Selection != "topp" || router.TopP.P > 0, "Model:Router:TopP:P is 0, so no token would get an expert; it must be above 0");
        Require(router.Scores != "mlp" || !router.Bias, $"Model:Router:Bias is true, but Model:Router:Scores '{router.Scores}' has no bias");
        Require(router.Capacity.Factor == 0 || router.Capacity.Factor >= 1,
            $"Model:Router:Capacity:Factor is {Number(router.Capacity.Factor)}; below 1 picks are dropped even at perfect balance, so set it to 1 or more, or to 0 for no limit");
        Require(router.Tau > 0, "Model:Router:Tau is 0; zero-computation experts need a weight above 0");
        if (kinds.AllStored)
        {
            Require(router.Tau == 1, $"Model:Router:Tau is {Number(router.Tau)}, but Model:ZeroComputation has no experts that it would be about");
            Require(!router.NullBucket, "Model:Router:NullBucket is true, but Model:ZeroComputation has no experts to put into it");
        }
        else
        {
            Require(router.DeviceBalanceLoss == 0,
                $"Model:Router:DeviceBalanceLoss is {Number(router.DeviceBalanceLoss)}, but the experts of Model:ZeroComputation are on every device; leave it at 0");
        }
        if (router.BalanceSchedule.Length > 0)
            _ = CoefficientSchedule.Parse(router.BalanceSchedule, "Model:Router:BalanceSchedule");
        Require(router.Scores != "recurrent" || options.PreGate.Layers == 0,
            "Model:Router:Scores is recurrent, but a router before the model (Model:PreGate:Layers) decides for all layers; use one of the two");
        Require(router.Scores != "recurrent" || router.Recurrent.Pass || !router.Recurrent.Detach,
            "Model:Router:Recurrent:Detach is true, but Model:Router:Recurrent:Pass is false, so no state is handed on whose gradient could be cut; set one of the two the other way");
        options.CheckSelection();
        Require(router.Selection != PatchOptions.Selection || router.Patches.ExpertsPerSequence <= options.Experts,
            $"Model:Router:Patches:ExpertsPerSequence is {router.Patches.ExpertsPerSequence}; there are only {options.Experts} routed experts");
        Require(router.Selection != PatchOptions.Selection || (kinds.AllStored && router.Capacity.Factor == 0 && options.Chain.Iterations == 1),
            $"Model:Router:Selection is {PatchOptions.Selection}, which goes neither with Model:ZeroComputation nor with Model:Router:Capacity:Factor nor with Model:Chain:Iterations; patches that an expert takes are limited by Model:Router:Patches:Capacity");
        options.CheckMixer();
        options.CheckActiveExperts();
    }

    /// <summary>Rules of the selection, of experts and of heads alike.</summary>
    public static void CheckSelection(this ModelOptions options)
    {
        var (router, patches) = (options.Router, options.Router.Patches);
        Require(router.WeightRule != "one" || router.Frozen,
            "Model:Router:WeightRule is one, with which no gradient reaches the router; mark it with Model:Router:Frozen=true, or use sum");
        if (router.Selection != PatchOptions.Selection)
        {
            Require(patches.ExpertsPerSequence == 0,
                $"Model:Router:Patches:ExpertsPerSequence selects experts for a whole sequence, which only Model:Router:Selection={PatchOptions.Selection} does (in an encoder, because it looks at all tokens)");
            return;
        }
        Require(options.Backbone == ModelOptions.Encoder,
            $"Model:Router:Selection is {PatchOptions.Selection}: what an expert takes of a sequence depends on its later tokens, so a causal model would see the future; use topk, or Model:Backbone=encoder");
        Require(options.ContextLength % patches.Size == 0,
            $"Model:Router:Patches:Size is {patches.Size}, which does not divide Model:ContextLength {options.ContextLength}");
        Require(router.WeightRule is "sum" or "one",
            $"Model:Router:WeightRule is {router.WeightRule}, but outputs of experts that take patches are added: use sum, or one with Model:Router:Frozen=true");
    }

    private static string Number(double value) => FormattableString.Invariant($"{value}");

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
