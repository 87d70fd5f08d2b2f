namespace OnnxMoe.Drills;

/// <summary>A drill that this machine does not allow.</summary>
internal sealed class DrillSkippedException(string message) : Exception(message.ReplaceLineEndings(" "));
