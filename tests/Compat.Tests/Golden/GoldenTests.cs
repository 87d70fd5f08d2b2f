using System.Globalization;
using System.Reflection;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Golden;

/// <summary>
/// Runs every expression and compares type, shape and values with Golden/expected.txt, which the official TorchSharp 0.107.0
/// wrote: the nuget lane with RECORD_GOLDEN=1 writes it anew. Both lanes must agree with it.
/// </summary>
public class GoldenTests
{
    private static readonly Dictionary<string, string> Expected = Read();

    [Fact]
    public void EveryExpressionGivesWhatTheOfficialPackageGives()
    {
        var all = Expressions.All().ToList();
        Assert.Equal(all.Count, all.Select(e => e.Name).Distinct().Count());
        var lines = all.Select(e => (e.Name, Text: Describe(e))).ToList();
        if (Environment.GetEnvironmentVariable("RECORD_GOLDEN") == "1")
        {
            Record(lines);
            return;
        }
        var wrong = lines.Where(l => !Expected.TryGetValue(l.Name, out var text) || !Agree(text, l.Text))
            .Select(l => $"{l.Name}: got {l.Text}, the official package gave {Expected.GetValueOrDefault(l.Name, "nothing")}").ToList();
        Assert.True(wrong.Count == 0, string.Join("\n", wrong));
    }

    // "type [shape] values", or "throws".
    private static string Describe(Expression expression)
    {
        using var scope = NewDisposeScope();
        try
        {
            var result = expression.Compute();
            var numbers = result.numel() == 0 ? [] : result.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();
            var values = string.Join(' ', numbers.Select(n => n.ToString("G9", CultureInfo.InvariantCulture)));
            return $"{result.dtype} [{string.Join(',', result.shape)}] {values}".TrimEnd();
        }
        catch (Exception exception)
        {
            return "throws " + exception.GetType().Name;
        }
    }

    private static bool Agree(string expected, string actual)
    {
        var (e, a) = (expected.Split(' '), actual.Split(' '));
        if (e.Length != a.Length || !e.Take(2).SequenceEqual(a.Take(2)))
            return false;
        return e.Zip(a).Skip(2).All(pair => Close(Number(pair.First), Number(pair.Second)));
    }

    private static bool Close(double expected, double actual) =>
        expected.Equals(actual) || Math.Abs(expected - actual) <= 1e-5 * Math.Max(1, Math.Abs(expected));

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static Dictionary<string, string> Read()
    {
        using var reader = new StreamReader(typeof(GoldenTests).Assembly.GetManifestResourceStream("expected.txt")!);
        return reader.ReadToEnd().Split('\n').Where(line => line.Contains(": ")).Select(line => line.Split(": ", 2)).ToDictionary(p => p[0], p => p[1]);
    }

    private static void Record(IEnumerable<(string Name, string Text)> lines)
    {
        var folder = typeof(GoldenTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "SourceFolder").Value!;
        File.WriteAllLines(Path.Combine(folder, "Golden", "expected.txt"), lines.Select(l => $"{l.Name}: {l.Text}"));
    }
}
