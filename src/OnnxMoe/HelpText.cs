using OnnxMoe.Cli.Settings;
using OnnxMoe.Cli.Verbs;

namespace OnnxMoe.Cli;

/// <summary>Help pages, written from the verbs and the settings themselves.</summary>
public static class HelpText
{
    const int Width = 110;

    /// <summary>The page of <c>onnxmoe help</c>: all verbs and all settings.</summary>
    public static void WriteAll(TextWriter output, IReadOnlyList<Verb> verbs, SettingCatalog catalog)
    {
        output.WriteLine("onnxmoe: trains mixture-of-experts models, exports them to ONNX, places their experts on GPUs, serves them.");
        output.WriteLine();
        output.WriteLine("Usage: onnxmoe VERB [ARGUMENT] [--Section:Name=value ...]     (onnxmoe VERB --help: more about one verb)");
        output.WriteLine();
        output.WriteLine("Verbs");
        var width = verbs.Max(v => v.Usage.Length);
        foreach (var verb in verbs)
            output.WriteLine($"  {verb.Usage.PadRight(width)}  {verb.Summary}");
        output.WriteLine();
        WriteSources(output);
        foreach (var section in catalog.AllSections)
            WriteSection(output, section);
    }

    /// <summary>The page of <c>onnxmoe VERB --help</c>: the settings that the verb reads.</summary>
    public static void WriteVerb(TextWriter output, Verb verb, SettingCatalog catalog)
    {
        output.WriteLine($"onnxmoe {verb.Name}: {verb.Summary}");
        output.WriteLine();
        output.WriteLine($"Usage: onnxmoe {verb.Usage} [--setting value ...]");
        foreach (var example in verb.Examples)
            output.WriteLine($"       {example}");
        output.WriteLine();
        WriteSources(output);
        if (verb.OwnSection.Length > 0)
            output.WriteLine($"On this verb's command line --name stands for --{verb.OwnSection}:Name.");
        foreach (var (alias, key) in verb.Aliases)
            output.WriteLine($"--{alias} stands for --{key}.");
        foreach (var section in catalog.Sections.Where(s => s.Name.Length == 0 || verb.Sections.Contains(s.Name)).SelectMany(s => s.WithInner))
            WriteSection(output, section);
    }

    static void WriteSources(TextWriter output)
    {
        output.WriteLine("A setting comes from, the later the stronger: its default, the recipe (--recipe NAME|FILE; without it the");
        output.WriteLine("recipe that has the model's name), the environment (ONNXMOE__Section__Name=value), the command line.");
    }

    static void WriteSection(TextWriter output, SettingSection section)
    {
        output.WriteLine();
        output.WriteLine((section.Name.Length == 0 ? "Settings at the root" : $"Settings of {section.Name}") + " (key, default, meaning)");
        var keyWidth = section.Settings.Select(s => s.Key.Length).DefaultIfEmpty().Max();
        var defaultWidth = section.Settings.Select(s => SettingText.Format(s.Default).Length).DefaultIfEmpty().Max();
        foreach (var setting in section.Settings)
        {
            var head = $"  {setting.Key.PadRight(keyWidth)}  {SettingText.Format(setting.Default).PadRight(defaultWidth)}  ";
            var indent = new string(' ', head.Length);
            foreach (var (line, isFirst) in Wrap(Meaning(setting), Math.Max(40, Width - head.Length)).Select((l, i) => (l, i == 0)))
                output.WriteLine((isFirst ? head : indent) + line);
        }
    }

    static string Meaning(Setting setting)
    {
        var facts = new List<string>();
        if (setting.Attribute.Unit.Length > 0)
            facts.Add(setting.Attribute.Unit);
        if (setting.Choices.Count > 0)
            facts.Add(string.Join(" | ", setting.Choices));
        if (SettingText.Range(setting).Trim() is { Length: > 0 } range)
            facts.Add(range.Replace("of ", "", StringComparison.Ordinal));
        return setting.Attribute.Meaning + (facts.Count == 0 ? "" : $" [{string.Join("; ", facts)}]");
    }

    static IEnumerable<string> Wrap(string text, int width)
    {
        var line = "";
        foreach (var word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }
            line = line.Length == 0 ? word : $"{line} {word}";
        }
        yield return line;
    }
}
