using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Data;

/// <summary>What a transformer over tokens learns: its data, as batches.</summary>
public abstract class TokenTask(ITokenizer tokenizer)
{
    public ITokenizer Tokenizer { get; } = tokenizer;

    /// <summary>A batch to train on: a pure function of its arguments, so a resumed run sees what an undisturbed one would.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">Number of the optimizer step.</param>
    /// <param name="part">Number of the part of the step (gradient accumulation).</param>
    /// <param name="rows">Sequences.</param>
    public abstract TaskBatch Batch(long seed, int step, int part, int rows);

    /// <summary>What is measured, the same whenever it is asked for.</summary>
    /// <param name="test">The data for the final figure; else those for progress.</param>
    /// <param name="rows">Sequences of a batch.</param>
    public abstract IEnumerable<TaskBatch> HeldOut(bool test, int rows);

    /// <summary>One line on the data.</summary>
    public abstract string Describe();

    /// <summary>The task of a model's kind.</summary>
    /// <param name="data">The section Data.</param>
    /// <param name="model">The section Model.</param>
    /// <param name="length">Tokens of a training sequence.</param>
    /// <param name="evaluationTokens">Tokens of an evaluation.</param>
    /// <param name="log">Takes progress.</param>
    /// <exception cref="Artifacts.UserError">The data are not there, or not what the model learns.</exception>
    public static TokenTask Of(DataOptions data, ModelOptions model, int length, int evaluationTokens, TextWriter log) => model.Backbone switch
    {
        ModelOptions.EncoderDecoder => Translations.Open(data, model.ContextLength, evaluationTokens, log),
        ModelOptions.MaskedLm => new MaskedText(TokenDataset.Open(data, log), length, evaluationTokens, data.MaskedShare),
        _ => new CausalText(TokenDataset.Open(data, log), length, evaluationTokens),
    };

    /// <summary>The task of a model that exists, for its held-out data alone.</summary>
    /// <param name="data">The section Data.</param>
    /// <param name="model">The section Model.</param>
    /// <param name="evaluationTokens">Tokens of an evaluation.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <exception cref="Artifacts.UserError">The data are not there, or not what the model learns.</exception>
    public static TokenTask HeldOutOf(DataOptions data, ModelOptions model, int evaluationTokens, ITokenizer tokenizer) => model.Backbone == ModelOptions.EncoderDecoder
        ? Translations.OpenHeldOut(data, model.ContextLength, evaluationTokens, tokenizer)
        : Of(data, model, model.ContextLength, evaluationTokens, TextWriter.Null); // its tokens are kept on disk
}
