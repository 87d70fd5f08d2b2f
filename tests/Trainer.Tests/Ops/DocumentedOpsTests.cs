using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Ops;

public class DocumentedOpsTests
{
    [Fact]
    public void TheDocumentNamesEveryOperatorAndNoOther()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "OnnxMoe.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The repository's root was not found.");
        var rows = File.ReadLines(Path.Combine(folder, "docs", "ops.md")).SkipWhile(line => !line.StartsWith("## The set", StringComparison.Ordinal))
            .TakeWhile(line => !line.StartsWith("Rules", StringComparison.Ordinal)).Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| control", StringComparison.Ordinal) && !line.StartsWith("| family", StringComparison.Ordinal));
        var named = rows.Select(row => row.Split('|')[2]).SelectMany(cell => cell.Split(' ', ';', ':', ',', '(', ')')).Where(word => word.Length > 0 && char.IsUpper(word[0]));
        Assert.Equal(TorchOps.Supported.Select(op => op.Split('.')[^1]).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }
}
