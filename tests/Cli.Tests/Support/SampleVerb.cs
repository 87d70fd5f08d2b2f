using OnnxMoe.Cli.Verbs;

namespace OnnxMoe.Cli.Tests.Support;

/// <summary>A verb that keeps what it was given, or fails as told.</summary>
public sealed class SampleVerb(Exception? failure = null) : Verb
{
    public override string Name => "train";

    public override string Summary => "trains";

    public override string Usage => "train RECIPE";

    public override string ArgumentKey => RecipeKey;

    public override string OwnSection => "Trainer";

    public override IReadOnlyDictionary<string, string> Aliases => new Dictionary<string, string> { ["model"] = "Name" };

    public VerbContext? Context { get; private set; }

    public SampleOptions Options => Context!.Settings.Get<SampleOptions>("Trainer");

    public override Task RunAsync(VerbContext context)
    {
        Context = context;
        return failure is null ? Task.CompletedTask : Task.FromException(failure);
    }
}
