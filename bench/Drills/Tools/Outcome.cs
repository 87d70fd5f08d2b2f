namespace OnnxMoe.Drills.Tools;

/// <summary>How a question ended.</summary>
internal enum Outcome
{
    /// <summary>With the answer that it gets alone.</summary>
    Right,

    /// <summary>With another one.</summary>
    Wrong,

    /// <summary>With status 429 or 503.</summary>
    Refused,

    /// <summary>With another status, or a connection that broke.</summary>
    Failed,
}
