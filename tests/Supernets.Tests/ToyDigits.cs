using System.Globalization;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Supernets.Tests;

/// <summary>As many images as the real file has: each digit a bright patch at a place of its own, and noise.</summary>
internal static class ToyDigits
{
    /// <summary>Writes them into a data folder.</summary>
    public static void Write(string data)
    {
        var random = new Random(1);
        Directory.CreateDirectory(Path.Combine(data, "raw", "digits"));
        File.WriteAllLines(Path.Combine(data, "raw", "digits", "digits.csv"), Enumerable.Range(0, DigitDataset.Images).Select(i =>
            string.Join(',', Enumerable.Range(0, 64).Select(p => random.Next(9) + (p / 6 == i % 10 ? 7 : 0)).Append(i % 10).Select(number => number.ToString(CultureInfo.InvariantCulture)))));
    }
}
