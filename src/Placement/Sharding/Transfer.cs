namespace OnnxMoe.Placement.Sharding;

/// <summary>One expert's weights, or the sum of its gradients, on their way from a device to another one.</summary>
/// <param name="Expert">The expert.</param>
/// <param name="From">Who sends.</param>
/// <param name="To">Who receives.</param>
public readonly record struct Transfer(int Expert, int From, int To);
