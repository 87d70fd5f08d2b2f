using OnnxMoe.Cli.Settings;

namespace OnnxMoe.Cli.Verbs;

/// <summary>What a verb gets: its settings, where to print, and the signal to stop.</summary>
/// <param name="Settings">Of all sources.</param>
/// <param name="ForRecipe">The settings with another recipe (a name or a path) among the sources, for verbs that work on several.</param>
/// <param name="Output">Where to print.</param>
/// <param name="Stop">The signal.</param>
public sealed record VerbContext(ResolvedSettings Settings, Func<string, ResolvedSettings> ForRecipe, TextWriter Output, CancellationToken Stop);
