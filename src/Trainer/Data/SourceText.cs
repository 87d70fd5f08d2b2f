namespace OnnxMoe.Trainer.Data;

/// <summary>The sequences of a batch that an encoder reads.</summary>
/// <param name="Ids">[rows, length]</param>
/// <param name="Mask">[rows, length], 0 for padding.</param>
/// <param name="Length">Tokens of a row.</param>
public sealed record SourceText(long[] Ids, long[] Mask, int Length);
