namespace OnnxMoe.Bench.Serving;

/// <summary>Tokens a second.</summary>
/// <param name="Prefill">Of a prompt.</param>
/// <param name="One">Of an answer, one user.</param>
/// <param name="Eight">Of the answers of eight users together.</param>
internal readonly record struct Rates(double Prefill, double One, double Eight)
{
    /// <summary>The better of each.</summary>
    public Rates Best(Rates other) => new(Math.Max(Prefill, other.Prefill), Math.Max(One, other.One), Math.Max(Eight, other.Eight));
}
