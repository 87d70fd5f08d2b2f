namespace OnnxMoe.Trainer.Data;

/// <summary>Windows of text, in which each token is to be told from those before it.</summary>
/// <param name="data">The text.</param>
/// <param name="length">Tokens of a window.</param>
/// <param name="evaluationTokens">Tokens of an evaluation, in equal parts of all domains.</param>
public sealed class CausalText(TokenDataset data, int length, int evaluationTokens) : TokenTask(data.Tokenizer)
{
    public override TaskBatch Batch(long seed, int step, int part, int rows) => new(data.Training.Batch(seed, step, part, rows, length));

    public override IEnumerable<TaskBatch> HeldOut(bool test, int rows)
    {
        var windows = Math.Max(1, evaluationTokens / data.Domains.Count / length);
        return data.Domains.Select(domain => test && domain.Test.Tokens.Length > length ? domain.Test : domain.Validation).SelectMany(text => text.Windows(rows, length, windows)).Select(batch => new TaskBatch(batch));
    }

    public override string Describe() => $"{data.TrainingTokens:N0} training tokens in windows of {length}";
}
