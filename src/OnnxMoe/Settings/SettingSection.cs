using System.Reflection;
using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Cli.Settings;

/// <summary>A section of the recipe and the options class that it fills; the root has the empty name.</summary>
public sealed class SettingSection
{
    public SettingSection(string name, Type optionsType)
    {
        Name = name;
        OptionsType = optionsType;
        var defaults = CreateOptions();
        Settings =
        [
            .. from property in optionsType.GetProperties()
               let attribute = property.GetCustomAttribute<SettingAttribute>()
               where attribute is not null
               select new Setting(name, property, attribute, property.GetValue(defaults)),
        ];
    }

    public string Name { get; }

    public Type OptionsType { get; }

    public IReadOnlyList<Setting> Settings { get; }

    /// <summary>A new options object with every setting at its default.</summary>
    public object CreateOptions() => Activator.CreateInstance(OptionsType)!;
}
