namespace OnnxMoe.Trainer.Data;

/// <summary>The token ids of one source by split.</summary>
internal sealed record SplitTokens(int[] Train, int[] Validation, int[] Test);
