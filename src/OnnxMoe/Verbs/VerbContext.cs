using OnnxMoe.Cli.Settings;

namespace OnnxMoe.Cli.Verbs;

/// <summary>What a verb gets: its settings, where to print, and the signal to stop.</summary>
public sealed record VerbContext(ResolvedSettings Settings, TextWriter Output, CancellationToken Stop);
