// A diagram of mermaid, drawn in the browser; the text it is made of until then. Mermaid comes as its package has built
// it (../../build.mjs): to bundle it once more would take longer than all pages.
import { useData, withBase } from 'vitepress';
import { defineComponent, h, onMounted, ref, useId, watch } from 'vue';

export const Diagram = defineComponent({
  props: { text: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const id = `diagram-${useId()}`;
    const text = decodeURIComponent(props.text);
    const svg = ref('');
    async function draw() {
      const { default: mermaid } = await import(/* @vite-ignore */ withBase('/mermaid/mermaid.esm.min.mjs'));
      mermaid.initialize({ startOnLoad: false, theme: isDark.value ? 'dark' : 'default' });
      svg.value = (await mermaid.render(id, text)).svg;
    }
    onMounted(() => watch(isDark, draw, { immediate: true }));
    return () => (svg.value === '' ? h('pre', text) : h('figure', { class: 'diagram', innerHTML: svg.value }));
  },
});
