using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Rules between the settings of <see cref="ActiveExpertsOptions"/> and the model's.</summary>
internal static class ActiveExpertsOptionsCheck
{
    private const string Section = "Model:Router:ActiveExperts";

    /// <summary>Throws a <see cref="UserError"/> that names the first settings that do not go together.</summary>
    public static void CheckActiveExperts(this ModelOptions options)
    {
        var active = options.Router.ActiveExperts;
        if (active is { Offered.Length: 0, Schedule: "none" })
            return;
        Require(options.Router.Selection == "topk",
            $"Model:Router:Selection is {options.Router.Selection}, which finds the number of experts by itself, but {Section} sets it; that needs Model:Router:Selection=topk");
        Require(options.Backbone != ModelOptions.Encoder, $"Model:Backbone is {options.Backbone}, but {Section} sets the number of experts, which only language models have as an input; leave it out");
        Require(options.PreGate.Layers == 0, $"Model:PreGate:Layers is {options.PreGate.Layers}, whose router chooses one expert for each token, but {Section} sets their number; use one of the two");
        Require(options.Chain.Iterations == 1, $"Model:Chain:Iterations is {options.Chain.Iterations}, which shares a fixed number of experts out, but {Section} changes it; use one of the two");
        foreach (var k in active.Offered)
            Require(k >= 1 && k <= options.Experts, $"{Section}:Offered has {k}; numbers from 1 to Model:Experts {options.Experts} are possible");
        Require(active.Offered.Zip(active.Offered.Skip(1)).All(pair => pair.First < pair.Second), $"{Section}:Offered is {string.Join(',', active.Offered)}, which is not ascending");
        Require(active.Offered.Length == 0 || active.Offered.Contains(options.ExpertsPerToken),
            $"{Section}:Offered is {string.Join(',', active.Offered)}, without Model:ExpertsPerToken {options.ExpertsPerToken}, which those get who do not choose");
        if (active.Schedule == "multi-step")
        {
            Require(active.Stages.Length > 0, $"{Section}:Schedule is multi-step, but {Section}:Stages is empty; it needs the numbers of experts, such as 1,2,4,8");
            foreach (var k in active.Stages)
                Require(k >= 1 && k <= options.Experts, $"{Section}:Stages has {k}; numbers from 1 to Model:Experts {options.Experts} are possible");
        }
        else if (active.Schedule != "none")
        {
            Require(active.Least >= 1, $"{Section}:Least is {active.Least}; a token needs at least 1 expert");
            Require(active.Least <= options.ExpertsPerToken,
                $"{Section}:Least is {active.Least}, more than Model:ExpertsPerToken {options.ExpertsPerToken}, to which the schedule grows");
        }
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
