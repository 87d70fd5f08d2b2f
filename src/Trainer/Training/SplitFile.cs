using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Cells;

namespace OnnxMoe.Trainer.Training;

/// <summary>How a supernet was split, as JSON: <c>splits.json</c> of its model folder.</summary>
internal static class SplitFile
{
    public const string Name = "splits.json";

    public static void Write(string path, FewShotSupernet supernet)
    {
        var (tree, operations) = (supernet.Tree, supernet.Leaves[0].Candidates[0]);
        JsonArray Words(IEnumerable<string> words) => new([.. words.Select(word => JsonValue.Create(word))]);
        var splits = new JsonArray();
        for (var level = 0; level < tree.Levels; level++)
            for (var parent = 0; parent < tree.LeavesAt(level); parent++)
                if (tree.ChoiceAt(level, parent) is { } choice)
                    splits.Add(new JsonObject
                    {
                        ["level"] = level,
                        ["parent"] = parent,
                        ["children"] = new JsonArray([.. Enumerable.Range(0, tree.Children).Select(child => JsonValue.Create(parent + (child * tree.LeavesAt(level))))]),
                        ["edge"] = choice.Edge,
                        ["groups"] = new JsonArray([.. Enumerable.Range(0, tree.Children).Select(group => Words(operations.Where((_, op) => choice.GroupOf[op] == group)))]),
                        ["distances"] = new JsonObject(choice.Distances.Index().Where(edge => edge.Item is not null).Select(edge => KeyValuePair.Create($"{edge.Index}", (JsonNode?)Rows(edge.Item!)))),
                    });
        var leaves = Enumerable.Range(0, supernet.Leaves.Count).Select(leaf => (Leaf: leaf, Allowed: tree.AllowedOf(leaf))).Where(one => one.Allowed[0].Contains(true));
        var file = new JsonObject
        {
            ["format"] = 1,
            ["operations"] = Words(operations),
            ["splits"] = splits,
            ["supernets"] = new JsonArray([.. leaves.Select(one => (JsonNode)new JsonObject
            {
                ["number"] = one.Leaf,
                ["edges"] = new JsonArray([.. one.Allowed.Select(row => Words(operations.Where((_, op) => row[op])))]),
            })]),
        };
        AtomicFile.WriteText(path, file.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    private static JsonArray Rows(double[,] distances) =>
        new([.. distances.Cast<double>().Chunk(distances.GetLength(0)).Select(row => new JsonArray([.. row.Select(value => JsonValue.Create(value))]))]);
}
