using System.Text.Json.Nodes;
using OnnxMoe.EndToEnd.Tests.Support;

namespace OnnxMoe.EndToEnd.Tests;

/// <summary>Drills on files: every damage is refused with one sentence that names the file, and nothing is lost.</summary>
[Collection(ChainCollection.Name)]
public sealed class DamageTests(Chain chain)
{
    [Fact]
    public void ATruncatedModelIsNotServed()
    {
        var model = chain.CopyAs("truncated");
        Change(model, "model.onnx", bytes => bytes[..(bytes.Length / 2)]);
        Command.RunRefused(chain.With("serve", "truncated", "--port", "0"), "model.onnx");
    }

    [Fact]
    public void WeightsWithAnotherChecksumAreNotServed()
    {
        var model = chain.CopyAs("flipped");
        Change(model, "model.onnx.data", bytes =>
        {
            bytes[bytes.Length / 2] ^= 1;
            return bytes;
        });
        Command.RunRefused(chain.With("serve", "flipped", "--port", "0"), "model.onnx.data");
    }

    [Fact]
    public void ABrokenSafetensorsHeaderIsNotExported()
    {
        var model = chain.CopyAs("broken");
        Change(model, "weights.safetensors", bytes =>
        {
            bytes[10] = (byte)'!';
            return bytes;
        });
        var before = File.ReadAllBytes(Path.Combine(model, "model.onnx"));
        Command.RunRefused(chain.With("export", "broken"), "weights.safetensors");
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(model, "model.onnx")));
    }

    [Fact]
    public void AModelThatWasNeverExportedIsNotServed()
    {
        File.Delete(Path.Combine(chain.CopyAs("unexported"), "model.onnx"));
        Command.RunRefused(chain.With("serve", "unexported", "--port", "0"), "model.onnx");
    }

    [Fact]
    public void ARecipeWithAWrongTypeDoesNotTrain()
    {
        var recipe = JsonNode.Parse(File.ReadAllText(Repository.File("models", "recipes", "tiny.json")))!;
        recipe["Model"]!["Layers"] = "two";
        File.WriteAllText(Path.Combine(chain.Models, "recipes", "wrong.json"), recipe.ToJsonString());
        Command.RunRefused(chain.With("train", "wrong"), "Model:Layers must be a whole number", "wrong.json", "a string");
    }

    [Fact]
    public void AClusterWithTooLittleMemoryGetsNoPlan()
    {
        var text = File.ReadAllText(Repository.File("models", "clusters", "one-node.json"));
        var cluster = Path.Combine(chain.Models, "small.json");
        File.WriteAllText(cluster, System.Text.RegularExpressions.Regex.Replace(text, "(\"memory[A-Za-z]*\": *)[0-9.e+]+", "${1}0.000001"));
        var before = File.ReadAllText(Path.Combine(chain.Model, "placement.json"));
        Command.RunRefused(chain.With("place", "tiny", "--cluster", cluster), "memory");
        Assert.Equal(before, File.ReadAllText(Path.Combine(chain.Model, "placement.json")));
    }

    static void Change(string model, string file, Func<byte[], byte[]> change)
    {
        var path = Path.Combine(model, file);
        File.WriteAllBytes(path, change(File.ReadAllBytes(path)));
    }
}
