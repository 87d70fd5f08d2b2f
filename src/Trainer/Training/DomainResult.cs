using System.Text.Json.Nodes;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Training;

/// <summary>What a trained model reached on one domain's validation text, and the bar.</summary>
/// <param name="Domain">The domain's name.</param>
/// <param name="Loss">Mean cross-entropy, nats a token.</param>
/// <param name="BitsPerByte">The same in bits for a byte of the text.</param>
/// <param name="BigramLoss">What a bigram model of this domain's own training text reaches on the same tokens; it is told the domain, the model is not.</param>
internal sealed record DomainResult(string Domain, double Loss, double BitsPerByte, double BigramLoss)
{
    /// <summary>One result a domain.</summary>
    /// <param name="evaluation">Of the trained model.</param>
    /// <param name="data">What it was measured on.</param>
    /// <param name="length">Tokens in a window.</param>
    /// <param name="windows">Windows of each domain, at most.</param>
    public static IReadOnlyList<DomainResult> Of(Evaluation evaluation, TokenDataset data, int length, int windows) =>
        [.. data.Domains.Zip(evaluation.DomainLosses, (domain, loss) =>
        {
            var covered = domain.Validation.Covered(length, windows);
            var bigram = new BigramBaseline(domain.Train.Tokens, data.Tokenizer.VocabularySize).NatsPerToken(covered);
            return new DomainResult(domain.Name, loss, data.LossOf(loss, covered).BitsPerByte, bigram);
        })];

    /// <summary>For the manifest.</summary>
    public JsonObject ToJson() => new() { ["loss"] = Loss, ["bitsPerByte"] = BitsPerByte, ["bigramLoss"] = BigramLoss };
}
