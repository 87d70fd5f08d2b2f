using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>A loss coefficient that is constant over pieces of the training: 0.02 in the first half and 1e-4 in the second is "0:0.02,0.5:1e-4".</summary>
public sealed class CoefficientSchedule
{
    private readonly (double From, double Coefficient)[] _pieces;

    private CoefficientSchedule((double From, double Coefficient)[] pieces) => _pieces = pieces;

    /// <summary>The same coefficient all the time.</summary>
    public static implicit operator CoefficientSchedule(double coefficient) => new([(0, coefficient)]);

    /// <summary>Reads pieces as START:COEFFICIENT, starts being fractions of the training steps.</summary>
    /// <param name="text">The pieces, with commas between them.</param>
    /// <param name="key">The setting that holds them, for messages.</param>
    /// <exception cref="UserError">The pieces do not cover the training from its start in ascending order.</exception>
    public static CoefficientSchedule Parse(string text, string key)
    {
        var pieces = text.Split(',').Select(piece => Piece(piece.Split(':')) ?? throw Mistake($"'{piece.Trim()}' is no piece")).ToArray();
        if (pieces[0].From != 0)
            throw Mistake("it does not begin at 0, so the first steps have no coefficient");
        if (pieces.Zip(pieces.Skip(1)).Any(pair => pair.First.From >= pair.Second.From))
            throw Mistake("the starts do not ascend");
        return new CoefficientSchedule(pieces);

        UserError Mistake(string what) =>
            new($"{key} is '{text}': {what}; write pieces START:COEFFICIENT from 0 on, such as 0:0.02,0.5:1e-4, starts being fractions of the training below 1 and coefficients 0 or more.");
    }

    /// <summary>The coefficient at a share of the training steps, 0 to 1.</summary>
    public double At(double progress) => _pieces.Last(piece => piece.From <= progress).Coefficient;

    private static (double From, double Coefficient)? Piece(string[] parts) =>
        parts.Length == 2 && Number(parts[0]) is { } from and < 1 && Number(parts[1]) is { } coefficient ? (from, coefficient) : null;

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) && number >= 0 ? number : null;
}
