namespace OnnxMoe.Placement.Explanations;

/// <summary>Another GPU for an expert.</summary>
/// <param name="From">The GPU it leaves.</param>
/// <param name="To">The GPU it goes to.</param>
/// <param name="Partner">The expert that takes its place; null for a move.</param>
/// <param name="Then">The measures of the layer then.</param>
/// <param name="UsedBytes">Bytes of weights on the other GPU then; 0 when the sizes are not known.</param>
/// <param name="Against">What forbids it; nothing when it is allowed.</param>
public sealed record Alternative(int From, int To, int? Partner, LayerMeasures Then, long UsedBytes, IReadOnlyList<string> Against)
{
    /// <summary>"move", or "swap with 7".</summary>
    public string Kind => Partner is { } partner ? $"swap with {partner}" : "move";
}
