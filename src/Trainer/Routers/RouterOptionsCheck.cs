using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Rules between the settings of <see cref="RouterOptions"/> and the model's.</summary>
internal static class RouterOptionsCheck
{
    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckRouter(this ModelOptions options)
    {
        var router = options.Router;
        Require(options.Experts % router.DeviceGroups == 0,
            $"Model:Router:DeviceGroups is {router.DeviceGroups}, which does not divide Model:Experts {options.Experts}");
        Require(router.Selection != "topp" || router.TopP.P > 0, "Model:Router:TopP:P is 0, so no token would get an expert; it must be above 0");
        var mixer = router.Mixer;
        Require(mixer.Temperature > 0, FormattableString.Invariant($"Model:Router:Mixer:Temperature is {mixer.Temperature}, but similarities are divided by it; it must be above 0"));
        Require(mixer.Width > 0, FormattableString.Invariant($"Model:Router:Mixer:Width is {mixer.Width}, but distances are divided by it; it must be above 0"));
        CheckActiveExperts(options);
    }

    private static void CheckActiveExperts(ModelOptions options)
    {
        const string section = "Model:Router:ActiveExperts";
        var active = options.Router.ActiveExperts;
        Require(options.Router.Selection == "topk" || active is { Offered.Length: 0, Schedule: "none" },
            $"Model:Router:Selection is {options.Router.Selection}, which finds the number of experts by itself, but {section} sets it; that needs Model:Router:Selection=topk");
        foreach (var k in active.Offered)
            Require(k >= 1 && k <= options.Experts, $"{section}:Offered has {k}; numbers from 1 to Model:Experts {options.Experts} are possible");
        Require(active.Offered.Zip(active.Offered.Skip(1)).All(pair => pair.First < pair.Second), $"{section}:Offered is {string.Join(',', active.Offered)}, which is not ascending");
        Require(active.Offered.Length == 0 || active.Offered.Contains(options.ExpertsPerToken),
            $"{section}:Offered is {string.Join(',', active.Offered)}, without Model:ExpertsPerToken {options.ExpertsPerToken}, which those get who do not choose");
        if (active.Schedule == "multi-step")
        {
            Require(active.Stages.Length > 0, $"{section}:Schedule is multi-step, but {section}:Stages is empty; it needs the numbers of experts, such as 1,2,4,8");
            foreach (var k in active.Stages)
                Require(k >= 1 && k <= options.Experts, $"{section}:Stages has {k}; numbers from 1 to Model:Experts {options.Experts} are possible");
        }
        else if (active.Schedule != "none")
        {
            Require(active.Least >= 1, $"{section}:Least is {active.Least}; a token needs at least 1 expert");
            Require(active.Least <= options.ExpertsPerToken,
                $"{section}:Least is {active.Least}, more than Model:ExpertsPerToken {options.ExpertsPerToken}, to which the schedule grows");
        }
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
