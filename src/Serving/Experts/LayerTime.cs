namespace OnnxMoe.Serving.Experts;

/// <summary>When a layer's experts come, and when it is computed, in seconds from the beginning of the step.</summary>
/// <param name="LoadStart">Its first missing expert begins to come.</param>
/// <param name="LoadEnd">Its last one is there.</param>
/// <param name="ComputeStart">It begins to be computed.</param>
/// <param name="ComputeEnd">It is done.</param>
public sealed record LayerTime(double LoadStart, double LoadEnd, double ComputeStart, double ComputeEnd);
