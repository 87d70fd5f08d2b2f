using System.Globalization;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Experiments.Quantization;

/// <summary>The subnetworks of a model of numbers of bits whose losses an experiment compares: 2, 3 and 4 bits throughout, and 2 and 3 by turns.</summary>
internal static class BitLosses
{
    /// <summary>Mean bits of each subnetwork.</summary>
    public static readonly double[] Means = [2, 3, 4, 2.5];

    /// <summary>2, 3 or 4 bits for each of the blocks.</summary>
    public static SearchSpace SpaceOf(int blocks) => new("2, 3 or 4 bits", [new("bits", blocks, ["2", "3", "4"])]);

    /// <summary>The measure of a subnetwork's validation loss.</summary>
    public static string Measure(double bits) => string.Create(CultureInfo.InvariantCulture, $"loss_{bits}");

    /// <summary>The subnetwork of that mean.</summary>
    public static Architecture At(SearchSpace space, double bits) =>
        space.Of([.. Enumerable.Range(0, space.Length).Select(block => bits == 2.5 ? block % 2 : (int)bits - 2)]);
}
