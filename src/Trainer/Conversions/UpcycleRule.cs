using System.Text.RegularExpressions;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>How an <see cref="Upcycler"/> makes the weights of some names.</summary>
/// <param name="Target">The new model's names; each * is any text.</param>
/// <param name="Kind">What becomes of them.</param>
/// <param name="Source">The trained models' names, where each * is what the one of <paramref name="Target"/> was; null: the same name.</param>
public sealed record UpcycleRule(string Target, UpcycleKind Kind, string? Source = null)
{
    private readonly Regex _target = new($"^{Regex.Escape(Target).Replace("\\*", "(.*)", StringComparison.Ordinal)}$", RegexOptions.CultureInvariant);

    /// <summary>The part of the source's last dimension that is meant; null: all of it.</summary>
    public (long Start, long Length)? Columns { get; init; }

    /// <summary>The source's name for a target's; null where the rule does not apply.</summary>
    public string? SourceOf(string target)
    {
        var match = _target.Match(target);
        if (!match.Success)
            return null;
        var group = 0;
        return Source is null ? target : string.Concat(Source.Select(c => c == '*' ? match.Groups[++group].Value : $"{c}"));
    }
}
