namespace OnnxMoe.Drills;

/// <summary>A server that did not stand a drill.</summary>
internal sealed class DrillFailedException(string message) : Exception(message.ReplaceLineEndings(" "))
{
    /// <summary>Throws unless something is true.</summary>
    public static void Unless(bool truth, string message)
    {
        if (!truth)
            throw new DrillFailedException(message);
    }
}
