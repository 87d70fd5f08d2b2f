namespace OnnxMoe.Artifacts.Placement;

/// <summary>A measure of a plan; only the second number says what to expect.</summary>
/// <param name="Fit">On the tokens that the plan was made from.</param>
/// <param name="Test">On held-out tokens; null where there are none (expert counts).</param>
public sealed record FitAndTest(double Fit, double? Test);
