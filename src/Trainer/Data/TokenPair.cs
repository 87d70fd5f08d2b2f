namespace OnnxMoe.Trainer.Data;

/// <summary>A sentence and its translation as tokens.</summary>
/// <param name="Source">Ids of the sentence.</param>
/// <param name="Target">Ids of its translation.</param>
/// <param name="Text">The translation.</param>
public sealed record TokenPair(int[] Source, int[] Target, string Text);
