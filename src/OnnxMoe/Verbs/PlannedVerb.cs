using OnnxMoe.Artifacts;

namespace OnnxMoe.Cli.Verbs;

/// <summary>A stage that does not exist yet: says so and fails.</summary>
public sealed class PlannedVerb(string name, string summary) : Verb
{
    public override string Name => name;

    public override string Summary => $"{summary} (does not exist yet)";

    public override string ArgumentKey => nameof(Recipe.Name);

    public override Task RunAsync(VerbContext context) =>
        throw new UserError($"The stage '{name}' does not exist yet; 'onnxmoe help' lists those that do.");
}
