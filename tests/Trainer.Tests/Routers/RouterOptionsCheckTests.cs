using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Tests.Routers;

public class RouterOptionsCheckTests
{
    public static TheoryData<Action<ModelOptions>, string> Mistakes => new()
    {
        { o => (o.ExpertsPerToken, o.ZeroComputation.Zero) = (9, 2), "Model:ExpertsPerToken is 9; there are only 6 routed experts and 2 of Model:ZeroComputation." },
        { o => o.ExpertsPerToken = 7, "Model:ExpertsPerToken is 7; there are only 6 routed experts." },
        { o => (o.ZeroComputation.Copy, o.Router.Tau) = (1, 0), "Model:Router:Tau is 0; zero-computation experts need a weight above 0." },
        { o => o.Router.Tau = 0.5, "Model:Router:Tau is 0.5, but Model:ZeroComputation has no experts that it would be about." },
        { o => o.Router.NullBucket = true, "Model:Router:NullBucket is true, but Model:ZeroComputation has no experts to put into it." },
        { o => o.Router.Capacity.Factor = 0.9, "Model:Router:Capacity:Factor is 0.9; below 1 picks are dropped even at perfect balance, so set it to 1 or more, or to 0 for no limit." },
        { o => (o.Router.Scores, o.Router.Bias) = ("mlp", true), "Model:Router:Bias is true, but Model:Router:Scores 'mlp' has no bias." },
        {
            o => (o.ZeroComputation.Zero, o.Router.DeviceGroups, o.Router.DeviceBalanceLoss) = (2, 2, 0.1),
            "Model:Router:DeviceBalanceLoss is 0.1, but the experts of Model:ZeroComputation are on every device; leave it at 0."
        },
        {
            o => o.Router.BalanceSchedule = "0.5:1",
            "Model:Router:BalanceSchedule is '0.5:1': it does not begin at 0, so the first steps have no coefficient; write pieces START:COEFFICIENT from 0 on, such as 0:0.02,0.5:1e-4, "
            + "starts being fractions of the training below 1 and coefficients 0 or more."
        },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void SettingsThatDoNotGoTogetherAreRefusedByName(Action<ModelOptions> change, string message)
    {
        var options = Some.SmallModel();
        change(options);
        Assert.Equal(message, Assert.Throws<UserError>(options.Check).Message);
    }
}
