namespace OnnxMoe.Serving.Groups;

/// <summary>A rank of the group has died, so that its experts are gone and the server must end.</summary>
/// <param name="problem">Which one.</param>
public sealed class GroupBrokenException(string problem) : IOException($"{problem}, so the server ends; start the group again.");
