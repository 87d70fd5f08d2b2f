namespace OnnxMoe.Trainer.Data;

/// <summary>How badly a model predicts a text.</summary>
/// <param name="NatsPerToken">Mean negative log-likelihood of a token; depends on the tokenizer.</param>
/// <param name="BitsPerByte">The same for a byte of the text, in bits; does not.</param>
public sealed record TextLoss(double NatsPerToken, double BitsPerByte);
