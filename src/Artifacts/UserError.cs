namespace OnnxMoe.Artifacts;

/// <summary>
/// A mistake in what the user gave (file, recipe, request, shape, cluster): one sentence saying what is wrong, where,
/// and what would be right. The command line prints the message alone and exits with 2; HTTP answers 400.
/// </summary>
public sealed class UserError(string message, Exception? inner = null) : Exception(message, inner);
