namespace OnnxMoe.Trainer.Data;

/// <summary>A sentence and its translation.</summary>
public sealed record SentencePair(string Source, string Target);
