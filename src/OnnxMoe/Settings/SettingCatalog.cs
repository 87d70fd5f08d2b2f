using OnnxMoe.Experiments;
using OnnxMoe.Experiments.Comparisons;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Running;
using OnnxMoe.Placement;
using OnnxMoe.Placement.Sharding;
using OnnxMoe.Serving;
using OnnxMoe.Supernets;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Cli.Settings;

/// <summary>Every setting there is, by section, in the order in which help lists them.</summary>
public sealed class SettingCatalog
{
    readonly Dictionary<string, Setting> _byKey;

    public SettingCatalog(params SettingSection[] sections)
    {
        Sections = sections;
        _byKey = AllSections.SelectMany(s => s.Settings).ToDictionary(s => s.Key, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>The root and the sections of all stages.</summary>
    public static SettingCatalog Default { get; } = new(
        new SettingSection("", typeof(Recipe)),
        new SettingSection("Data", typeof(DataOptions)),
        new SettingSection("Model", typeof(ModelOptions)),
        new SettingSection("Supernet", typeof(SupernetOptions)),
        new SettingSection("Search", typeof(SearchOptions)),
        new SettingSection("Start", typeof(StartOptions)),
        new SettingSection("Trainer", typeof(TrainerOptions)),
        new SettingSection("Export", typeof(ExportOptions)),
        new SettingSection("Run", typeof(RunOptions)),
        new SettingSection("Place", typeof(PlaceOptions)),
        new SettingSection("Map", typeof(MapOptions)),
        new SettingSection("Shard", typeof(ShardOptions)),
        new SettingSection("Serve", typeof(ServeOptions)),
        new SettingSection("Compare", typeof(CompareOptions)),
        new SettingSection("Reproduce", typeof(ReproduceOptions)));

    /// <summary>The sections at the root of a recipe.</summary>
    public IReadOnlyList<SettingSection> Sections { get; }

    /// <summary>All sections, each followed by those within it.</summary>
    public IEnumerable<SettingSection> AllSections => Sections.SelectMany(section => section.WithInner);

    public IEnumerable<Setting> All => _byKey.Values;

    public Setting? Find(string key) => _byKey.GetValueOrDefault(key);

    public SettingSection? FindSection(string name) =>
        AllSections.FirstOrDefault(s => s.Name.Length > 0 && s.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
