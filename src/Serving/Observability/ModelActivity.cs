using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Observability;

/// <summary>Where to read what a language model is doing now.</summary>
/// <param name="Engine">Its queue.</param>
/// <param name="Metrics">Its counts, and its cache.</param>
/// <param name="Experts">The load of its experts.</param>
/// <param name="HasChatTemplate">It was trained on conversations in a form of their own.</param>
/// <param name="Slots">Sequences that can run at a time.</param>
/// <param name="QueueLimit">Sequences that can wait.</param>
internal sealed record ModelActivity(IGenerationEngine Engine, EngineMetrics Metrics, ExpertLoad Experts, bool HasChatTemplate, int Slots, int QueueLimit);
