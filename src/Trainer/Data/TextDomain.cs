namespace OnnxMoe.Trainer.Data;

/// <summary>The tokens of one source of text.</summary>
/// <param name="Name">The source's, as <c>Data:Source</c> writes it.</param>
/// <param name="Share">Its part of the training windows; the shares of all domains sum to 1.</param>
/// <param name="Train">Tokens to learn from.</param>
/// <param name="Validation">Tokens to measure progress on.</param>
/// <param name="Test">Tokens for the final figure; may be empty for own text.</param>
public sealed record TextDomain(string Name, double Share, TokenStream Train, TokenStream Validation, TokenStream Test);
