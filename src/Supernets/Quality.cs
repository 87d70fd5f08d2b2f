namespace OnnxMoe.Supernets;

/// <summary>How well a model does on data.</summary>
/// <param name="Loss">Mean cross-entropy, nats.</param>
/// <param name="Accuracy">Share that is right, 0 to 1; null where nothing is right or wrong.</param>
internal sealed record Quality(double Loss, double? Accuracy = null);
