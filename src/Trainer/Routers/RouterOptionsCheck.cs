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
        Require(router.Scores != "recurrent" || router.Recurrent.Pass || !router.Recurrent.Detach,
            "Model:Router:Recurrent:Detach is true, but Model:Router:Recurrent:Pass is false, so no state is handed on whose gradient could be cut; set one of the two the other way");
    }

    private static string Number(double value) => FormattableString.Invariant($"{value}");

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
